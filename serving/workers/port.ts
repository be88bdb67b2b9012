import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import * as net from 'node:net';

/**
 * Whether each worker can listen on the same port, with the kernel distributing connections
 * (SO_REUSEPORT). If not, the primary process accepts all connections and passes them on.
 */
export const isShareable = process.platform === 'linux' && 'BoundSocket' in net;

/**
 * Reserves a port for the workers until this process ends. With SO_REUSEPORT alone a second server
 * of the same user could listen on it, too, and silently get half of the requests.
 * @param port 0 for any that is free
 * @returns the address and port for the workers
 * @throws EADDRINUSE, EADDRNOTAVAIL, or an error of the DNS lookup
 */
export async function holdPort(host: string, port: number): Promise<{ host: string; port: number }> {
  const { address } = await lookup(host);
  if (port !== 0) {
    await lock(`stock-market-serving ${address} ${port}`);
    // Without SO_REUSEPORT this fails if anything listens on the port.
    new net.BoundSocket({ host: address, port }).close();
  }
  const held = new net.BoundSocket({ host: address, port, reusePort: true });
  return { host: address, port: held.address().port };
}

/**
 * Two servers that start at the same time would both find the port free. The name of an abstract
 * socket is unique, and is free again when its process ends.
 */
async function lock(name: string): Promise<void> {
  const holder = net.createServer().listen(`\0${name}`).unref();
  await once(holder, 'listening');
}
