import assert from "node:assert/strict";
import { acknowledgement, byPeer } from "../../../../provider/agent/env/runtime/tickle";

describe("the tickle", () => {
  const connection = { local: "10.77.0.100", localPort: 6379, remote: "10.77.0.254", remotePort: 36980 };

  it("is one TCP acknowledgement of 20 bytes with a right checksum", () => {
    const segment = acknowledgement(connection);
    assert.equal(segment.toString("hex"), "18eb9074000000010000000150100040f0370000");
    assert.equal(sum(Buffer.concat([Buffer.from("0a4d00640a4d00fe00060014", "hex"), segment])), 0xffff);
  });

  it("has a right checksum over IPv6 too", () => {
    const segment = acknowledgement({ ...connection, local: "fd00::1:2", remote: "fd00:1::2" });
    const pseudo =
      "fd000000000000000000000000010002" + "fd000001000000000000000000000002" + "0000001400000006";
    assert.equal(sum(Buffer.concat([Buffer.from(pseudo, "hex"), segment])), 0xffff);
  });

  it("goes out once per pair of addresses, with a segment for each connection", () => {
    const batches = byPeer([
      connection,
      { ...connection, remotePort: 36981 },
      { ...connection, remote: "10.77.0.13" },
    ]);
    assert.deepEqual(
      batches.map(({ from, to, segments }) => [from, to, segments.length]),
      [
        ["10.77.0.100", "10.77.0.254", 2],
        ["10.77.0.100", "10.77.0.13", 1],
      ],
    );
  });
});

function sum(bytes: Buffer): number {
  let total = 0;
  for (let offset = 0; offset < bytes.length; offset += 2) total += bytes.readUInt16BE(offset);
  while (total > 0xffff) total = (total >> 16) + (total & 0xffff);
  return total;
}
