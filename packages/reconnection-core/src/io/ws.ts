export {
  acceptLinks,
  attachLink,
  guardLink,
  type AttachHandlers,
  type AttachOptions,
  isExposedSocket,
  type LinkAcceptor,
  refuseLink,
} from './attach-link.ts';
export { dialLink, type DialHandlers, type DialOptions, isExposed } from './dial-link.ts';
export { createFailoverLinks, type FailoverLinks, type FailoverLinksOptions } from './failover-links.ts';
export { type Dialer, webSocketDialer } from './link-ports.ts';
export { type Link, type LinkHandlers, SOCKET_OPTIONS } from './link.ts';
export { nodePacker } from './packer.ts';
