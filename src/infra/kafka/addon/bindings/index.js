module.exports = () => require('../../../../../node_modules/.kafka-addon/confluent-kafka-javascript.node');
