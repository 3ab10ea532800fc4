// Calls the AWS SDK for JavaScript as lines of JSON on standard input say, and writes a line of JSON for each result.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const sdk = createRequire(`${process.env.SDK_FOLDER}/`)("@aws-sdk/client-detective");

const clients = new Map();

function clientOf({ url, region, credentials, attempts }) {
  const key = JSON.stringify([url, region, credentials, attempts]);
  if (!clients.has(key)) {
    clients.set(key, new sdk.DetectiveClient({ endpoint: url, region, credentials, maxAttempts: attempts }));
  }
  return clients.get(key);
}

// Times are objects with one member, in both directions.
const revive = (_, value) => (value?.$time ? new Date(value.$time) : value);
function replace(key, value) {
  return this[key] instanceof Date ? { $time: this[key].toISOString() } : value;
}

async function call(asked) {
  const client = clientOf(asked);
  const { operation, members } = asked;
  if (!asked.paginate) return client.send(new sdk[`${operation}Command`](members));
  const pages = [];
  for await (const page of sdk[`paginate${operation}`]({ client, pageSize: asked.paginate }, members)) pages.push(page);
  return { pages };
}

// Of an exception: whether its class is the one that the SDK exports for it, and the members that the API models.
function describe(error) {
  const { name, message, $metadata, $fault, $response, $retryable, $service, stack, ...members } = error;
  const typed = error instanceof (sdk[name] ?? sdk.DetectiveServiceException);
  return { name, message, status: $metadata?.httpStatusCode, attempts: $metadata?.attempts, typed, members };
}

for await (const line of createInterface({ input: process.stdin })) {
  let result;
  try {
    result = { response: await call(JSON.parse(line, revive)) };
  } catch (error) {
    result = { error: describe(error) };
  }
  process.stdout.write(`${JSON.stringify(result, replace)}\n`);
}
