// Stands in for npm's `bindings`, which looks for the addon at run time, where no bundler can follow.
// A literal require lets `bun build --compile` embed the file that `bun run setup` built.
module.exports = () => require('kafka-addon/kafka.node');
