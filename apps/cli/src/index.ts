export { defineConfig, type HoldfastConfig } from '@holdfast/config';
export type { TaskContext, TaskFunction } from '@holdfast/executor';
