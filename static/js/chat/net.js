// Talking to the server: a post that fails in words, and a fragment.

export class Refused extends Error {
  constructor(status, error) {
    super(error.message ?? "That did not work.");
    this.status = status;
    this.code = error.code ?? "";
    this.retryAfter = error.retry_after ?? 0;
  }
}

function token() {
  return document.querySelector("#act input[name=csrfmiddlewaretoken]").value;
}

// Throws Refused when the server says no, TypeError when it cannot be reached.
export async function post(url, fields = {}, options = {}) {
  const response = await fetch(url, {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRFToken": token() },
    body: new URLSearchParams(fields),
    ...options,
  });
  if (response.ok) return response.status === 204 ? {} : response.json();
  let error = {};
  try { ({ error } = await response.json()); } catch { /* a page instead of JSON says no more */ }
  if (response.status >= 502 && !error.code) throw new TypeError("unreachable");
  throw new Refused(response.status, error);
}

export async function fragment(url) {
  const response = await fetch(url, { headers: { Accept: "text/html" } });
  if (!response.ok) throw new Refused(response.status, {});
  const template = document.createElement("template");
  template.innerHTML = await response.text();
  return template.content.firstElementChild;
}

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
