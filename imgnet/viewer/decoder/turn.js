/** Turns of the event loop of a worker. */

/** @returns {Promise<void>} settled behind the messages that have come; a timer waits for longer */
export function nextTurn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
