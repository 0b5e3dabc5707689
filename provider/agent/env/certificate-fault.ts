import { X509Certificate } from "node:crypto";

/** Why etcd and the peers will not accept this host's certificate, as a sentence with what to do; null: they will. */
export function certificateFault(
  { cert, ca }: { cert: string; ca: string },
  { host, now }: { host: string; now: number },
): string | null {
  const own = new X509Certificate(cert);
  const name = commonName(own.subject);
  if (name !== host)
    return `the certificate here is that of host ${name}, not of ${host}: files of two hosts were mixed up; "pulumi up" writes them anew`;
  const authorities = (ca.match(PEM) ?? []).map((text) => new X509Certificate(text));
  const issuer = authorities.find((authority) => own.verify(authority.publicKey));
  if (!issuer)
    return `the certificate here was issued by ${commonName(own.issuer)}, which is none of the authorities that this host trusts (${authorities.map(({ subject }) => commonName(subject)).join(", ")}): it is of another group; "pulumi up" writes it anew`;
  const ended = [own, issuer].find(({ validToDate }) => validToDate.getTime() <= now);
  if (ended)
    return `the certificate of ${commonName(ended.subject)} ended at ${ended.validToDate.toISOString()}, so neither etcd nor the other hosts accept this one; "pulumi up" renews it`;
  if (own.validFromDate.getTime() > now)
    return `the certificate here begins at ${own.validFromDate.toISOString()}, later than this host's clock says: set the clock`;
  return null;
}

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

function commonName(distinguished: string): string {
  return /^CN=(.*)$/m.exec(distinguished)?.[1] ?? distinguished;
}
