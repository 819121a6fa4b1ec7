export { createPipe, type Met, type Pipe, type PipeEffect, type PipeInput, type PipeOptions, type PipeSnapshot } from './pipe.ts';
export { ATTRIBUTES, changeToxic, parseToxic, type Stream, type Toxic, TOXIC_TYPES, type ToxicRequest, type ToxicType } from './toxic.ts';
