import assert from "node:assert/strict";
import * as fc from "fast-check";
import { createCodec } from "../../../../provider/agent/env/etcd/protobuf";
import { methods } from "../../../../provider/agent/env/etcd/schema";

const codec = createCodec({
  Inner: { text: "string 1" },
  Outer: {
    count: "int64 10",
    id: "uint64 2",
    flag: "bool 3",
    bytes: "bytes 4",
    inner: "Inner 5",
    list: "repeated Inner 6",
    names: "repeated string 7",
  },
});

describe("the protobuf codec", () => {
  it("writes the bytes that the format prescribes", () => {
    const encoded = (message: object) => codec.encode("Outer", message).toString("hex");
    assert.equal(encoded({ count: 300 }), "50ac02");
    assert.equal(encoded({ count: 0 }), "5000");
    assert.equal(encoded({ id: "18446744073709551615" }), "10ffffffffffffffffff01");
    assert.equal(encoded({ inner: { text: "é" } }), "2a040a02c3a9");
    assert.equal(encoded({ names: ["a", ""] }), "3a01613a00");
    assert.equal(encoded({ count: undefined }), "");
  });

  it("reads back what it wrote", () => {
    const plain = { noNullPrototype: true };
    const inner = fc.record({ text: fc.string() }, plain);
    const message = fc.record(
      {
        count: fc.maxSafeNat(),
        id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
        flag: fc.boolean(),
        bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
        inner,
        list: fc.array(inner, { maxLength: 4 }),
        names: fc.array(fc.string(), { maxLength: 4 }),
      },
      plain,
    );
    fc.assert(
      fc.property(message, (value) => {
        assert.deepEqual(
          codec.decode("Outer", codec.encode("Outer", { ...value, flag: Number(value.flag) })),
          value,
        );
      }),
    );
  });

  it("gives absent fields their zero and skips fields that it does not know", () => {
    const zero = {
      count: 0,
      id: "0",
      flag: false,
      bytes: Buffer.alloc(0),
      inner: { text: "" },
      list: [],
      names: [],
    };
    assert.deepEqual(codec.decode("Outer", Buffer.alloc(0)), zero);
    const unknown = ["a00601", "a906", "00".repeat(8), "aa0602ffff", "ad06", "00".repeat(4)].join("");
    assert.deepEqual(codec.decode("Outer", Buffer.from(`${unknown}1801`, "hex")), { ...zero, flag: true });
  });

  it("refuses bytes that end early or are of another type, and never runs away", () => {
    for (const hex of ["50", "2205aa", "ffffffffffffffffffffff", "12", "a3"]) {
      assert.throws(() => codec.decode("Outer", Buffer.from(hex, "hex")), Error, hex);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
        try {
          codec.decode("Outer", Buffer.from(noise));
        } catch (error) {
          assert.equal((error as Error).constructor, Error);
        }
      }),
    );
  });

  it("writes transactions with the field numbers that etcd publishes", () => {
    const key = Buffer.from("k");
    const request = {
      compare: [
        { result: 0, target: 2, key, modRevision: 0 },
        { result: 0, target: 3, key, value: Buffer.from("v") },
      ],
      success: [{ requestPut: { key, value: Buffer.from("v") } }, { requestDeleteRange: { key } }],
    };
    const compares =
      "0a09" + "0800" + "1002" + "1a016b" + "3000" + "0a0a" + "0800" + "1003" + "1a016b" + "3a0176";
    const writes = "1208" + "1206" + "0a016b" + "120176" + "1205" + "1a03" + "0a016b";
    assert.equal(methods.txn.encode(request).toString("hex"), compares + writes);
  });
});
