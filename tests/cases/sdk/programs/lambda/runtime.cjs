// What the bootstrap of AWS Lambda does: it loads the handler by its path and calls it. Then Lambda freezes the process; here
// it kills itself. There must be a SERVER span `fn` below the caller in the event, sent before the handler's result is there.
const path = require('node:path');

const [moduleName, name] = process.env._HANDLER.split('.');
const file = path.join(process.env.LAMBDA_TASK_ROOT, moduleName);
const load = process.env.HANDLER_IS_MODULE === 'true' ? import(`${file}.mjs`) : Promise.resolve(require(file));
void load.then(async (loaded) => {
  const context = {
    functionName: 'fn',
    invokedFunctionArn: 'arn:aws:lambda:eu-1:1:function:fn',
    awsRequestId: 'r',
    getRemainingTimeInMillis: () => 3000,
  };
  console.log(JSON.stringify(await loaded[name](JSON.parse(process.env.EVENT ?? '{}'), context)));
  process.kill(process.pid, 'SIGKILL');
});
