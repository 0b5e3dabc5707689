import { engineName } from "../../../provider/contract";
import { type Fault, inHost, type Scene } from "../scene";
import { SUBJECT } from "../stage";

const pid = `$(podman inspect -f '{{.State.Pid}}' ${engineName(SUBJECT)})`;
const cgroup = `/sys/fs/cgroup$(cut -d: -f3- /proc/${pid}/cgroup | tail -1)`;
const onPrimary = (command: string) => (scene: Scene) => inHost(scene, scene.primary, command);

/** The application itself fails. */
export const containerFaults: Fault[] = [
  { name: "container-crash", serves: "during", inject: onPrimary(`kill -9 ${pid}`) },
  {
    name: "container-hangs",
    serves: "during",
    mayStartCold: true,
    inject: onPrimary(`kill -STOP ${pid}`),
  },
  {
    name: "container-frozen-by-hand",
    serves: "during",
    mayStartCold: true,
    inject: onPrimary(`echo 1 >${cgroup}/cgroup.freeze`),
  },
  {
    name: "address-removed",
    serves: "during",
    mayStartCold: true,
    inject: onPrimary(`nsenter -t ${pid} -n ip addr flush dev eth0`),
  },
];
