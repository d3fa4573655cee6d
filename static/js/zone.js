// Offers the browser's own time zone where a person has set none.

const form = document.querySelector("[data-zone]");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (form && zone && zone !== "UTC") {
  form.elements.timezone.value = zone;
  form.querySelector("button").textContent = `Use ${zone.replaceAll("_", " ")}`;
  form.hidden = false;
}
