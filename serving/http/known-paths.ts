import { RegExpRouter } from 'hono/router/reg-exp-router';
import { SmartRouter } from 'hono/router/smart-router';
import { TrieRouter } from 'hono/router/trie-router';
import type { Route } from '../route.ts';

/** A path that has routes, and what they have in common. */
export interface KnownPath {
  /** As declared: /v2/models/:name. */
  path: string;
  methods: string[];
  /** Whether all its routes are open, or without a rate limit. */
  isOpen: boolean;
  isUnlimited: boolean;
}

/** Returns a function that finds a request's path among those of the routes, with Hono's router. */
export function createPathLookup(routes: Route[]): (path: string) => KnownPath | undefined {
  const router = new SmartRouter<KnownPath>({ routers: [new RegExpRouter(), new TrieRouter()] });
  for (const [path, all] of Map.groupBy(routes, ({ path }) => path))
    router.add('ALL', path, {
      path,
      methods: all.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])),
      isOpen: all.every(({ isOpen }) => isOpen),
      isUnlimited: all.every(({ isUnlimited }) => isUnlimited),
    });
  return (path) => router.match('ALL', path)[0][0]?.[0];
}
