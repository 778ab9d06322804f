// Remembers in this browser which choices of a question were opened. Nothing leaves the machine.
document.addEventListener("DOMContentLoaded", () => {
  const page = location.pathname.split("/").pop();
  document.querySelectorAll(".cell_output details").forEach((choice) => {
    const question = choice.parentElement.querySelector("strong");
    const name = ["quiz", page, question ? question.textContent : "", choice.querySelector("summary").textContent].join("|");
    try {
      choice.open = localStorage.getItem(name) === "open";
    } catch {
      return; // a browser that keeps nothing
    }
    choice.addEventListener("toggle", () => {
      if (choice.open) localStorage.setItem(name, "open");
      else localStorage.removeItem(name);
    });
  });
});
