import { engineName } from "../../../provider/contract";
import { type Fault, inHost, type Scene } from "../scene";
import { SUBJECT } from "../stage";

/** Of a container that is just not there nothing else must be met: process 0 or the host's own cgroup. */
const findPid = `pid=$(podman inspect -f '{{.State.Pid}}' ${engineName(SUBJECT)}) && [ "$pid" -gt 0 ]`;
const findCgroup = `cgroup=$(sed -n 's/^0:://p' /proc/$pid/cgroup) && [ -n "$cgroup" ]`;
const onPrimary = (command: string) => (scene: Scene) =>
  inHost(scene, scene.primary, `${findPid} && ${command}`);

/** The application itself fails. */
export const containerFaults: Fault[] = [
  { name: "container-crash", serves: "during", inject: onPrimary('kill -9 "$pid"') },
  {
    name: "container-hangs",
    serves: "during",
    mayStartCold: true,
    inject: onPrimary('kill -STOP "$pid"'),
  },
  {
    name: "container-frozen-by-hand",
    serves: "during",
    mayStartCold: true,
    inject: onPrimary(`${findCgroup} && echo 1 >"/sys/fs/cgroup$cgroup/cgroup.freeze"`),
  },
  {
    name: "address-removed",
    serves: "during",
    mayStartCold: true,
    inject: onPrimary('nsenter -t "$pid" -n ip addr flush dev eth0'),
  },
];
