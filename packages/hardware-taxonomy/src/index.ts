export { checkRequirement, type StructureProblem } from './check-requirement.ts';
export { classAffinity, compatibilityScore, type ProcessorProfile, type Specialisation, specialisationOf } from './compatibility.ts';
export { type CompiledAlternative, type CompiledPart, type CompiledRequirement, compileRequirement, matches } from './compile.ts';
export {
  DEVICE_KINDS,
  type DeviceKind,
  type FactDefinition,
  factOf,
  type FactSchema,
  type FactType,
  MACHINE_SCHEMA,
  TASK_SCHEMA,
} from './fact-schema.ts';
export { fit, type Fit, type FitPart, fittingDevices, score } from './fit.ts';
export { type LaidMachine, layOut } from './layout.ts';
export {
  describeMachine,
  type Device,
  type Fact,
  type FactNote,
  type GivenDevice,
  type GivenFacts,
  type GivenMachine,
  type MachineFacts,
  type Origin,
} from './machine.ts';
export { parseRequirement, problemText } from './parse-requirement.ts';
export { formatQuantity, parseQuantity, roughQuantity, type Unit } from './quantity.ts';
export {
  CAPABILITY_SCOPES,
  type CapabilityProfile,
  type CapabilityRating,
  type CapabilityRegistry,
  type CapabilityScope,
  createCapabilityRegistry,
  RATINGS,
  type RegistryProblem,
  type Relationship,
  type RelationshipKind,
  RELATIONSHIPS,
  type ResolvedCapabilities,
} from './registry.ts';
export {
  type Alternative,
  ANYTHING,
  canonicalText,
  type Comparator,
  type Demand,
  type Expression,
  expressionText,
  type Literal,
  normalise,
  type Preference,
  type Requirement,
} from './requirement.ts';
export { createResourceLedger, type Holding, type Resource, type ResourceLedger, type Taken } from './resources.ts';
export type { RequirementProblem } from './tokens.ts';
export { FALSE, negate, TRUE, type Truth, truthText, UNKNOWN } from './truth.ts';
export { compareVersions, parseVersion } from './version.ts';
export {
  ACCELERATOR_FEATURES,
  type AcceleratorFeature,
  type Architecture,
  ARCHITECTURES,
  type Backend,
  BACKENDS,
  type Browser,
  BROWSERS,
  CONTAINERS,
  HARDWARE_CLASSES,
  type HardwareClass,
  MEMORY_TYPES,
  type MemoryType,
  PLATFORMS,
  type Precision,
  PRECISIONS,
  type Vendor,
  VENDORS,
  type Workload,
  WORKLOADS,
} from './vocabulary.ts';
