export { type ChaosServer, serveChaos, type ServeChaosOptions } from './api.ts';
export { type ChaosEvent, type Connection } from './connection.ts';
export { createProxies, type Proxies, type ProxiesOptions } from './proxies.ts';
export { createProxy, type Proxy, type ProxyChange, type ProxyDescription, type ProxyOptions } from './proxy.ts';
