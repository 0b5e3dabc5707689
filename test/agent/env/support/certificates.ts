import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface TlsPaths {
  ca: string;
  cert: string;
  key: string;
}

export interface Authority {
  pem: string;
  /** Write `<name>.pem`, `<name>.key` and the trust bundle into `folder`; the subject's CN is the name. */
  issue(folder: string, name: string): TlsPaths;
}

/** A certificate authority of its own in `folder`, made with openssl, valid for a day. */
export function createAuthority(folder: string, name = "group-ca"): Authority {
  const caKey = join(folder, `${name}.key`);
  const caCert = join(folder, `${name}.pem`);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  openssl("req", "-x509", ...newKey, "-subj", `/CN=${name}`, "-keyout", caKey, "-out", caCert);

  function issue(into: string, subject: string): TlsPaths {
    const paths = tlsPathsIn(into, subject);
    const names = "subjectAltName=DNS:etcd.test,IP:127.0.0.1";
    const extensions = ["-addext", names, "-addext", "basicConstraints=critical,CA:FALSE"];
    const by = ["-CA", caCert, "-CAkey", caKey, "-subj", `/CN=${subject}`];
    openssl("req", "-x509", ...newKey, ...by, ...extensions, "-keyout", paths.key, "-out", paths.cert);
    writeFileSync(paths.ca, readFileSync(caCert));
    return paths;
  }
  return { pem: readFileSync(caCert, "utf8"), issue };
}

export function tlsPathsIn(folder: string, name: string): TlsPaths {
  return {
    ca: join(folder, `${name}.ca.pem`),
    cert: join(folder, `${name}.pem`),
    key: join(folder, `${name}.key`),
  };
}

function openssl(...argv: string[]): void {
  execFileSync("openssl", argv, { stdio: ["ignore", "ignore", "pipe"] });
}
