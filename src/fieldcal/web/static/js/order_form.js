// A work order's form: the account's address is filled in as soon as the account is chosen, where the form names none.
const account = document.getElementById("field-account");
const names = ["place", "street", "city", "region", "postal_code", "country"];
const fields = names.map((name) => document.getElementById(`field-${name}`));
let filled = {};

const ours = () => fields.every((field) => field.value === "" || field.value === filled[field.name]);

account.addEventListener("change", async () => {
  if (!ours()) return;
  const asked = account.value;
  const answer = await fetch(`/orders/address?account=${encodeURIComponent(asked)}`);
  // who chose again meanwhile, or wrote an address, is not written over; the server copies it at the latest when it saves
  if (!answer.ok || answer.redirected || account.value !== asked || !ours()) return;
  filled = await answer.json();
  for (const field of fields) field.value = filled[field.name] ?? "";
});
