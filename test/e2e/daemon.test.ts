import { it } from 'node:test'

/** The daemon as a process: how it starts, ends, refuses to start, and goes on when a part of it fails. */

it.todo('starts, answers, and ends by itself')
