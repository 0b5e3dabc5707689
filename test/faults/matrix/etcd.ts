import { paths, units } from "../../../provider/contract";
import { type Fault, inHost, type Scene } from "../scene";

const signal = (name: string) => `systemctl kill -s ${name} --kill-whom=main ${units.etcd}`;

/** Loss of etcd's leader, and of its majority. */
export const etcdFaults: Fault[] = [
  { name: "kill-etcd-leader", serves: "during", inject: toLeader("KILL") },
  { name: "stop-etcd-leader", serves: "during", inject: toLeader("STOP") },
  {
    // Nobody may decide anything: the primary is cut off and frozen, and goes on with what it had.
    name: "etcd-quorum-lost",
    serves: "after",
    lastsMs: 4000,
    inject: (scene) =>
      Promise.all([scene.standby, scene.spare].map((host) => inHost(scene, host, signal("STOP")))),
  },
  {
    name: "etcd-stopped-everywhere",
    serves: "after",
    inject: (scene) =>
      Promise.all(scene.stage.lab.hosts.map(({ name }) => inHost(scene, name, signal("STOP")))),
  },
];

function toLeader(name: string) {
  return async (scene: Scene) => inHost(scene, await etcdLeader(scene), signal(name));
}

async function etcdLeader({ stage: { lab } }: Scene): Promise<string> {
  const { ca, cert, key } = paths.tls;
  const endpoints = lab.hosts.map(({ address }) => `https://${address}:7379`);
  const asked = lab.hosts.find(({ name }) => lab.power(name) === "running")!.name;
  const etcdctl = `etcdctl --endpoints=${endpoints.join(",")} --cacert=${ca} --cert=${cert} --key=${key}`;
  // Where a member does not answer, etcdctl tells of the others and fails.
  const { stdout: output } = await lab.inside(asked, `${etcdctl} endpoint status -w json`);
  const members = JSON.parse(output) as {
    Endpoint: string;
    Status: { header: { member_id: number }; leader: number };
  }[];
  const leader = members.find(({ Status }) => Status.header.member_id === Status.leader);
  if (!leader) throw new Error(`etcd has no leader: ${output}`);
  return lab.hosts.find(({ address }) => leader.Endpoint.includes(`//${address}:`))!.name;
}
