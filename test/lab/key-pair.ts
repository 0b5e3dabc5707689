import { utils } from "ssh2";

export interface KeyPair {
  private: string;
  public: string;
}

/** A fresh ed25519 pair that reads back: ssh2 writes about one private key in 300 in a form nobody can read. */
export function generateKeyPair(
  options: Parameters<typeof utils.generateKeyPairSync>[1] & { passphrase?: string } = {},
): KeyPair {
  for (;;) {
    const pair = utils.generateKeyPairSync("ed25519", options);
    if (!(utils.parseKey(pair.private, options.passphrase) instanceof Error)) return pair;
  }
}
