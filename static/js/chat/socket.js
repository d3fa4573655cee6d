// The live connection: comes back by itself, and says when it is gone.

const STEPS = [400, 1000, 2000, 4000, 8000];
const SIGNED_OUT = 4401;
const NOT_FOUND = 4404;

export class Socket {
  constructor(uid, { onEvent, onUp, onDown, onEnd }) {
    this.url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/chats/${uid}`;
    this.handlers = { onEvent, onUp, onDown, onEnd };
    this.tries = 0;
    this.timer = 0;
    this.ended = false;
    addEventListener("online", () => this.open());
    addEventListener("offline", () => this.lost());
    addEventListener("pageshow", (event) => { if (event.persisted) this.open(); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.open(); });
    this.open();
  }

  open() {
    if (this.ended || this.socket?.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.timer);
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const event = JSON.parse(data);
      if (event.type === "state") { this.tries = 0; this.handlers.onUp(); }
      this.handlers.onEvent(event);
    });
    socket.addEventListener("close", ({ code }) => {
      if (this.socket === socket) this.closed(code);
    });
  }

  closed(code) {
    if (code === SIGNED_OUT || code === NOT_FOUND) {
      this.ended = true;
      this.handlers.onEnd(code === SIGNED_OUT);
      return;
    }
    this.handlers.onDown();
    const wait = STEPS[Math.min(this.tries, STEPS.length - 1)];
    this.tries += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), wait * (0.8 + Math.random() * 0.4));
  }

  // The browser knows it is offline long before a socket notices.
  lost() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.closed(0);
  }

  again() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.open();
  }
}
