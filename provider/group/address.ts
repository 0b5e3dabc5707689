/** `10.0.0.1:7379`, `[fd00::1]:7379`. */
export function hostPort(address: string, port: number): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

export function httpsUrl(address: string, port: number): string {
  return `https://${hostPort(address, port)}`;
}
