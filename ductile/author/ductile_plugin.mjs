// Write a Ductile plugin as functions. Copy this file beside your entrypoint; it needs Node 18 and nothing else.
//
//     import { Failure, run } from './ductile_plugin.mjs'
//
//     run({
//       greet: (request) => `Hello, ${request.payload.name ?? 'world'}!`,
//     })
//
// What a function returns (or its promise resolves to) is the `result`. `Failure` says that the job has failed; any
// other exception does too, with its stack on stderr. The same script serves both lifecycles: run once a job, it reads
// one request and ends; with `lifecycle: persistent` in its manifest it stays up and answers request after request.

import { createInterface } from 'node:readline'
import { writeSync } from 'node:fs'

const PROTOCOL = 2

// What console prints goes to stderr: stdout belongs to the protocol.
for (const name of ['log', 'info', 'debug']) console[name] = console.error

/** The job has failed. With `retry: false` it will not be tried again; `data` goes on as the result. */
export class Failure extends Error {
  constructor(message, { retry = true, data } = {}) {
    super(message)
    this.retry = retry
    this.data = data
  }
}

/** What is asked: command, payload, config, state, context, event, job_id, attempt, deadline_at, and `signal`. */
class Request {
  #send
  #events = []
  #updates

  constructor(fields, send) {
    Object.assign(this, { payload: {}, config: {}, state: {}, context: {} }, fields)
    this.#send = send
    this.abort = new AbortController()
    /** Aborted when the gateway wants the request to end. */
    this.signal = this.abort.signal
  }

  /** An entry of the job's logs, at once. */
  log(message, level = 'info') {
    this.#send({ log: { level, message: String(message) } })
  }

  /** How far it has come, at once: any JSON value, such as {done: 3, of: 10}. */
  progress(value) {
    this.#send({ progress: value })
  }

  /** An event, for the pipelines and routes behind this job. */
  emit(type, payload = {}, dedupeKey) {
    this.#events.push({ type, payload, ...(dedupeKey === undefined ? {} : { dedupe_key: dedupeKey }) })
  }

  /** Keeps values in the plugin's state, for the requests to come. */
  remember(values) {
    this.#updates = { ...this.#updates, ...values }
  }

  finish(answer) {
    if (this.#events.length) answer.events = this.#events
    if (this.#updates) answer.state_updates = this.#updates
    return answer
  }
}

/** Answers what is asked on stdin. `concurrency`: how many requests a persistent plugin answers at once. */
export function run(commands, { concurrency = 1 } = {}) {
  return process.env.DUCTILE_LIFECYCLE === 'persistent' ? serve(commands, concurrency) : runOnce(commands)
}

async function runOnce(commands) {
  const chunks = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  let fields
  try {
    fields = JSON.parse(Buffer.concat(chunks).toString())
    if (fields === null || typeof fields !== 'object' || Array.isArray(fields)) throw new Error('it is not an object')
  } catch (error) {
    write(failed(`the request cannot be read: ${error.message}`, false))
    process.exitCode = 1
    return
  }
  write(await respond(commands, new Request(fields, write)))
}

async function serve(commands, concurrency) {
  const open = new Map()
  write({ ready: true, protocol: PROTOCOL, concurrency })
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const fields = JSON.parse(line)
    if (fields.cancel !== undefined) {
      open.get(fields.cancel)?.abort.abort()
      continue
    }
    const request = new Request(fields, (frame) => write({ id: fields.id, ...frame }))
    open.set(fields.id, request)
    respond(commands, request).then((answer) => {
      open.delete(fields.id)
      write({ id: fields.id, ...answer })
    })
  }
}

async function respond(commands, request) {
  if (request.protocol !== PROTOCOL) {
    return failed(`this plugin speaks protocol ${PROTOCOL}, not ${JSON.stringify(request.protocol)}`, false)
  }
  if (!Object.hasOwn(commands, request.command)) {
    const known = Object.keys(commands).sort().join(', ')
    return failed(`there is no command ${JSON.stringify(request.command)}; there is ${known}`, false)
  }
  try {
    const result = (await commands[request.command](request)) ?? ''
    const answer = { status: 'ok', result }
    JSON.stringify(answer)
    return request.finish(answer)
  } catch (error) {
    if (!(error instanceof Failure)) console.error(error)
    const answer = failed(error instanceof Failure ? error.message : String(error), error?.retry ?? true)
    if (error?.data !== undefined) answer.result = error.data
    return request.finish(answer)
  }
}

function failed(error, retry = true) {
  return { status: 'error', error, retry }
}

/** Writes a line whole, whatever the pipe takes at once. */
function write(value) {
  let data = Buffer.from(JSON.stringify(value) + '\n')
  while (data.length) {
    try {
      data = data.subarray(writeSync(1, data))
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}
