export { describeExit, type Host, type HostExit, type HostListeners, type HostOptions, type HostProgram, openHost } from './host-client.ts';
export { listUnits, type Listing, type ListOptions } from './list-units.ts';
export { hostProgram, readProject } from './project.ts';
