import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import * as net from 'node:net';

/**
 * Whether workers can listen at one port each by itself, the kernel dealing out connections (SO_REUSEPORT). Elsewhere
 * the first process takes all connections and hands them on.
 */
export const isShareable = process.platform === 'linux' && 'BoundSocket' in net;

/**
 * Takes a port for the workers of this process until it ends. With SO_REUSEPORT alone a second server of the same user
 * could listen there, too, and silently get half of the requests.
 * @param port 0 for any that is free
 * @returns the address and port for the workers
 * @throws EADDRINUSE, EADDRNOTAVAIL, or that the host has no address
 */
export async function holdPort(host: string, port: number): Promise<{ host: string; port: number }> {
  const { address } = await lookup(host);
  if (port !== 0) {
    await lock(`stock-market-serving ${address} ${port}`);
    // Without SO_REUSEPORT a port at which anything listens is in use.
    new net.BoundSocket({ host: address, port }).close();
  }
  const held = new net.BoundSocket({ host: address, port, reusePort: true });
  return { host: address, port: held.address().port };
}

/** Two servers that start at once both find the port free; an abstract socket of one name there is once, and it ends with its process. */
async function lock(name: string): Promise<void> {
  const holder = net.createServer().listen(`\0${name}`).unref();
  await once(holder, 'listening');
}
