#!/usr/bin/env node
// Greets by name. One request (a JSON object) comes on stdin, one response goes to stdout. Node's own modules are enough.
"use strict";

const { readFileSync, writeSync } = require("node:fs");

const PROTOCOL = 2;

/** The exit code that says: the configuration is wrong, and a retry cannot help. */
const CONFIG_EXIT = 78;

/** The request cannot be done, however often it is tried. */
class BadRequest extends Error {}

/** The operator has to mend the configuration. */
class BadConfig extends Error {}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function greetingWord(config) {
  if (!isObject(config)) throw new BadConfig("the configuration must be an object");
  const word = config.greeting ?? "Hello";
  if (typeof word !== "string" || word.trim() === "") throw new BadConfig("config.greeting must be text");
  return word;
}

function greeting(request, payload) {
  const name = isObject(payload) ? payload.name : undefined;
  if (typeof name !== "string" || name.trim() === "") {
    throw new BadRequest("payload.name must be text and not empty");
  }
  return { name, text: `${greetingWord(request.config ?? {})}, ${name}!` };
}

const commands = {
  greet(request) {
    return { status: "ok", result: greeting(request, request.payload).text };
  },

  handle(request) {
    const { name, text } = greeting(request, request.event?.payload);
    const greeted = { type: "node-greet.greeted", payload: { name, greeting: text } };
    return { status: "ok", result: text, events: [greeted], logs: [{ level: "info", message: text }] };
  },

  health(request) {
    greetingWord(request.config ?? {});
    return { status: "ok", result: "healthy" };
  },
};

function run(request) {
  const { protocol = PROTOCOL, command: name } = isObject(request) ? request : {};
  if (protocol !== PROTOCOL) throw new BadRequest(`node-greet speaks protocol ${PROTOCOL}, not ${JSON.stringify(protocol)}`);
  if (typeof name !== "string" || !Object.hasOwn(commands, name)) {
    throw new BadRequest(`node-greet knows the commands ${Object.keys(commands).join(", ")}`);
  }
  return commands[name](request);
}

function parsed(stdin) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(stdin);
  return JSON.parse(text);
}

/** The response, and the exit code. */
function respond(stdin) {
  let request;
  try {
    request = parsed(stdin);
  } catch (error) {
    return [failed(`the request is not JSON: ${error.message}`), 1];
  }
  try {
    return [run(request), 0];
  } catch (error) {
    if (error instanceof BadConfig) return [failed(error.message), CONFIG_EXIT];
    if (error instanceof BadRequest) return [failed(error.message), 0];
    throw error; // a bug: its stack goes to stderr, and the job fails
  }
}

function failed(reason) {
  return { status: "error", error: reason, retry: false };
}

/** Writes all of it before the process ends; process.stdout.write may leave the end of a long answer behind. */
function write(text) {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // the pipe is full: the gateway is about to read
    }
  }
}

const [response, code] = respond(readFileSync(0));
write(`${JSON.stringify(response)}\n`);
process.exitCode = code;
