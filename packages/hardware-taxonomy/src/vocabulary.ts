/**
 * The words by which hardware is told apart (requirement document S4, features 1.12). All lower case, so that `NVIDIA` and `nvidia` are one vendor.
 * `other` is what was asked and is none of the listed; a fact that was not asked is absent, never `unknown`.
 */

/** What a processor is built for. */
export const HARDWARE_CLASSES = ['cpu', 'gpu', 'tpu', 'npu', 'dsp', 'fpga', 'asic', 'hybrid', 'other'] as const;
/** Instruction set or programming model. */
export const ARCHITECTURES = [
  'x86',
  'x86_64',
  'arm',
  'arm64',
  'ppc',
  'ppc64',
  'mips',
  'riscv',
  'gpu_cuda',
  'gpu_rocm',
  'gpu_metal',
  'gpu_webgpu',
  'tpu',
  'npu_qualcomm',
  'npu_mediatek',
  'npu_samsung',
  'dsp_hexagon',
  'fpga_intel',
  'fpga_xilinx',
  'other',
] as const;
export const VENDORS = [
  'intel',
  'amd',
  'nvidia',
  'arm',
  'apple',
  'qualcomm',
  'mediatek',
  'samsung',
  'google',
  'ibm',
  'microsoft',
  'amazon',
  'xilinx',
  'altera',
  'huawei',
  'other',
] as const;
/** Software through which a processor is used. */
export const BACKENDS = [
  'pytorch',
  'tensorflow',
  'onnx',
  'webnn',
  'webgpu',
  'directml',
  'openvino',
  'qnn',
  'cuda',
  'rocm',
  'mps',
  'vulkan',
  'metal',
  'opencl',
  'tvm',
  'nnapi',
  'coreml',
  'tflite',
  'tensorrt',
  'other',
] as const;
/** Number formats that a processor computes natively. */
export const PRECISIONS = [
  'fp64',
  'fp32',
  'fp16',
  'bf16',
  'int64',
  'int32',
  'int16',
  'int8',
  'int4',
  'int2',
  'int1',
  'mixed',
  'other',
] as const;
/** What a processor has beside its plain units. */
export const ACCELERATOR_FEATURES = [
  'tensor_cores',
  'ray_tracing',
  'neural_engine',
  'quantization',
  'sparsity',
  'dynamic_precision',
  'multi_instance',
  'shared_memory',
  'unified_memory',
  'dedicated_memory',
  'compute_shaders',
  'simd',
  'simt',
  'sse4_2',
  'avx',
  'avx2',
  'avx512',
  'amx',
  'neon',
  'sve',
  'smt',
  'tsx',
  'other',
] as const;
export const MEMORY_TYPES = ['ddr3', 'ddr4', 'ddr5', 'lpddr4', 'lpddr5', 'gddr5', 'gddr6', 'gddr7', 'hbm2', 'hbm3', 'other'] as const;
export const BROWSERS = ['chrome', 'chromium', 'firefox', 'edge', 'safari', 'other'] as const;
export const PLATFORMS = ['linux', 'darwin', 'win32', 'other'] as const;
/** `none`: asked, and it runs on the machine itself. */
export const CONTAINERS = ['none', 'docker', 'podman', 'kubernetes', 'lxc', 'other'] as const;
/** What a task does, as far as it says so. */
export const WORKLOADS = [
  'vision',
  'nlp',
  'audio',
  'multimodal',
  'training',
  'inference',
  'embedding',
  'conversational',
  'mixed',
  'browser',
] as const;

export type HardwareClass = (typeof HARDWARE_CLASSES)[number];
export type Architecture = (typeof ARCHITECTURES)[number];
export type Vendor = (typeof VENDORS)[number];
export type Backend = (typeof BACKENDS)[number];
export type Precision = (typeof PRECISIONS)[number];
export type AcceleratorFeature = (typeof ACCELERATOR_FEATURES)[number];
export type MemoryType = (typeof MEMORY_TYPES)[number];
export type Browser = (typeof BROWSERS)[number];
export type Workload = (typeof WORKLOADS)[number];
