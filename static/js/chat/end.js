// Runs while the page is read, so that the conversation is first painted at its end.
{
  const scroll = document.getElementById("scroll");
  const target = location.hash && document.querySelector(`#log ${CSS.escape ? "#" + CSS.escape(location.hash.slice(1)) : location.hash}`);
  if (target) target.scrollIntoView();
  else scroll.scrollTop = scroll.scrollHeight;
}
