import { paths } from "../contract";

/** Environment of a first start: lies in /run, so that no reboot can start an empty voter by accident. */
export const joinFile = `${paths.run}/etcd-join.env`;
/** There while a first cluster is being made; what is beside it was never given to anybody and may be thrown away. */
export const bootstrapMarker = `${paths.state}/etcd-bootstrap`;
