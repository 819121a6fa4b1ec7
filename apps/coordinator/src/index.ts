export { type CoordinatorIo, serveCoordinator } from './serve.ts';
