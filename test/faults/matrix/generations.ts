import { paths } from "../../../provider/contract";
import { containerStatus } from "../../support/group";
import { type Fault, inHost, type Scene } from "../scene";
import { SUBJECT } from "../stage";

/**
 * The standby's copy of what is committed is damaged, then the primary dies. It must be refused: the container waits
 * for another holder, and never goes on from something else.
 */
const damage = (name: string, command: string): Fault => ({
  name,
  serves: "after",
  async inject(scene: Scene) {
    const { generation } = await containerStatus(scene.stage.lab, SUBJECT);
    const folder = `${paths.store}/${SUBJECT}/${generation!.epoch}-${generation!.gen}`;
    await inHost(scene, scene.standby, `cd ${folder} && ${command}`);
    if (scene.stage.lab.power(scene.primary) !== "off") await scene.stage.lab.kill(scene.primary);
  },
});

const pages = "$(find . -name 'pages-*.img' | head -1)";

export const generationFaults: Fault[] = [
  damage("altered-generation", `printf x | dd of=${pages} bs=1 seek=1000 conv=notrunc status=none`),
  damage("torn-generation", `truncate -s 4096 ${pages}`),
  damage("generation-without-a-file", `rm ${pages}`),
  damage("torn-manifest", "truncate -s 100 manifest.json"),
];
