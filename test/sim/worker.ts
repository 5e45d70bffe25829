import { plantOf } from './plants.ts'
import { type RunCounts, runSeed } from './run.ts'

/** One process of the simulator: runs the seeds that it is given, one after the other. */

export interface Task {
  readonly seed: number
  readonly nodes: number
  readonly plant?: string
}

export type Answer = Task & ({ readonly counts: RunCounts } | { readonly failed: string })

async function answer(task: Task): Promise<Answer> {
  try {
    const plant = plantOf(task.plant)
    return { ...task, counts: await runSeed(task.seed, { nodes: task.nodes, ...(plant === undefined ? {} : { plant }) }) }
  } catch (error) {
    return { ...task, failed: (error as Error).name === 'Broken' ? (error as Error).message : ((error as Error).stack ?? String(error)) }
  }
}

process.on('message', (task) => {
  void answer(task as Task).then((found) => process.send?.(found))
})
