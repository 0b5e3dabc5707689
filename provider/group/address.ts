import { hostPort } from "../contract";

export function httpsUrl(address: string, port: number): string {
  return `https://${hostPort(address, port)}`;
}
