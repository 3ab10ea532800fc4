// virtual-core asks Node's `process` whether to print what it measures. It is set here, before that module is loaded.

globalThis.process ??= { env: { NODE_ENV: "production" } };
