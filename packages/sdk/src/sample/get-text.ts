import { http } from '../builtin-modules.ts';

// An unref'd socket still holds the process while it connects, so that must not take long.
const timeoutMs = 3_000;

const maxAnswerChars = 1_048_576;

/**
 * GETs a small text on a connection of its own, which keeps no process alive.
 *
 * @throws {Error} When the answer is not 200, too long, or does not come in time.
 */
export async function getText(url: URL): Promise<string> {
  const { request } = url.protocol === 'https:' ? await import('node:https') : http;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent: false, headers: { accept: 'application/json' } });
    const timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs).unref();
    outgoing.on('socket', (socket) => socket.unref());
    outgoing.on('close', () => clearTimeout(timer));
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > maxAnswerChars) response.destroy(new Error(`an answer of over ${maxAnswerChars} characters`));
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`HTTP ${response.statusCode}`));
      });
    });
    outgoing.end();
  });
}
