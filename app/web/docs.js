// The operations of the API, from its own document, each to be tried. Texts go in as text, never as markup.
"use strict";

const SHOWN_CHARACTERS = 50000;
const $ = (id) => document.getElementById(id);
let schemas = {};

function make(tag, text, attributes = {}, children = []) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function resolve(schema) {
  if (!schema) return {};
  if (schema.$ref) return schemas[schema.$ref.split("/").pop()] || {};
  const real = (schema.anyOf || schema.oneOf || []).filter((choice) => choice.type !== "null");
  return real.length === 1 ? { ...resolve(real[0]), ...(schema.description && { description: schema.description }) } : schema;
}

function nameType(schema) {
  const found = resolve(schema);
  if (found.enum) return found.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (found.const !== undefined) return JSON.stringify(found.const);
  if (found.anyOf) return found.anyOf.map(nameType).join(" | ");
  if (found.type === "array") return `[${nameType(found.items)}]`;
  return found.format || found.type || "any";
}

function makeSample(schema, depth = 0) {
  const found = resolve(schema);
  if (found.default !== undefined) return found.default;
  if (found.enum) return found.enum[0];
  if (found.type === "array") return depth > 3 ? [] : [makeSample(found.items, depth + 1)];
  if (found.type === "integer" || found.type === "number") return 0;
  if (found.type === "boolean") return false;
  if (found.type !== "object" && !found.properties) return "";
  const wanted = found.required || [];
  return Object.fromEntries(wanted.map((name) => [name, makeSample((found.properties || {})[name], depth + 1)]));
}

function listFields(schema, depth = 0) {
  const found = resolve(schema);
  const inner = found.type === "array" ? resolve(found.items) : found;
  const required = inner.required || [];
  const lines = Object.entries(inner.properties || {}).map(([name, field]) => {
    const told = field.description || resolve(field).description || "";
    const need = required.includes(name) ? ", required" : "";
    const children = depth < 2 ? listFields(field, depth + 1) : [];
    return make("li", "", {}, [make("code", name), ` ${nameType(field)}${need}${told ? `: ${told}` : ""}`, ...children]);
  });
  return lines.length ? [make("ul", "", {}, lines)] : [];
}

function makeField(parameter) {
  const input = make("input", "", { size: "40", autocomplete: "off" });
  const need = parameter.required ? ", required" : "";
  const told = parameter.description || (parameter.schema || {}).description || "";
  const label = make("label", "", {}, [
    make("code", parameter.name), ` ${parameter.in}, ${nameType(parameter.schema)}${need} `, input, make("small", told),
  ]);
  return { parameter, input, label };
}

function makeBody(content) {
  if (!content) return null;
  if (content["application/json"]) {
    const schema = content["application/json"].schema;
    const text = make("textarea", JSON.stringify(makeSample(schema), null, 1), { rows: "6", spellcheck: "false" });
    const file = Object.keys(content).length > 1 ? make("input", "", { type: "file" }) : null;
    const label = make("label", "", {}, [make("code", "body"), " JSON", text]);
    const parts = [label, ...listFields(schema)];
    if (file) parts.unshift(make("label", "", {}, [make("code", "file"), " sent as the body, instead of the JSON below ", file]));
    return { parts, read: () => (file && file.files[0]) || text.value, isJson: () => !(file && file.files[0]) };
  }
  const file = make("input", "", { type: "file" });
  const label = make("label", "", {}, [make("code", "file"), " sent as the body ", file]);
  return { parts: [label], read: () => file.files[0] || "", isJson: () => false };
}

function makeRequest(method, path, fields, body) {
  const query = new URLSearchParams();
  const headers = {};
  let address = path;
  for (const { parameter, input } of fields) {
    const value = input.value.trim();
    if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value && parameter.in === "query") query.append(parameter.name, value);
    else if (value && parameter.in === "header") headers[parameter.name] = value;
  }
  if (query.size) address += `?${query}`;
  const key = $("key").value.trim();
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = body.isJson() ? "application/json" : "application/octet-stream";
  return { address, options: { method, headers, ...(body && { body: body.read() }) } };
}

async function showAnswer(answer, shown) {
  const type = answer.headers.get("content-type") || "";
  const names = ["location", "etag", "retry-after", "link", "x-request-id"].filter((name) => answer.headers.get(name));
  const head = [`${answer.status} ${answer.statusText}`, ...names.map((name) => `${name}: ${answer.headers.get(name)}`), "", ""].join("\n");
  if (/^image\/(?!svg)|parquet|x-tar/.test(type)) {
    const bytes = (await answer.arrayBuffer()).byteLength;
    shown.textContent = `${head}${bytes} bytes of ${type}`;
    return;
  }
  const reader = answer.body ? answer.body.getReader() : null;
  const decoder = new TextDecoder();
  let text = "";
  for (let part = reader && await reader.read(); part && !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
    shown.textContent = head + text;
    if (text.length > SHOWN_CHARACTERS) {
      shown.textContent = `${head}${text.slice(0, SHOWN_CHARACTERS)}\n… the rest is not shown`;
      await reader.cancel();
      return;
    }
  }
  shown.textContent = head + (/json$|\+json/.test(type.split(";")[0]) && !type.includes("ndjson") ? JSON.stringify(JSON.parse(text), null, 1) : text);
}

function fill(place, method, path, operation) {
  const edits = (operation.description || "").includes("If-Match");
  const version = edits ? [{ name: "If-Match", in: "header", description: "The etag of the version that is edited." }] : [];
  const fields = [...(operation.parameters || []), ...version].map(makeField);
  const body = makeBody((operation.requestBody || {}).content);
  const shown = make("pre", "", { hidden: "" });
  const send = make("button", "Send", { type: "button" });
  send.addEventListener("click", async () => {
    const { address, options } = makeRequest(method, path, fields, body);
    shown.hidden = false;
    shown.textContent = `${method} ${address} …`;
    try {
      await showAnswer(await fetch(address, options), shown);
    } catch (error) {
      shown.textContent += `\n${error.message}`;
    }
  });
  place.append(
    make("p", operation.description || ""), ...fields.map((field) => field.label), ...(body ? body.parts : []), send, shown,
  );
}

function makeOperation(method, path, operation) {
  const told = (operation.description || operation.summary || "").split("\n")[0];
  const place = make("div", "", { class: "operation" });
  const summary = make("summary", "", {}, [
    make("span", method, { class: "method" }), make("code", path), make("span", ` ${told}`),
  ]);
  const details = make("details", "", {}, [summary, place]);
  details.dataset.words = `${method} ${path} ${operation.summary || ""} ${operation.description || ""}`.toLowerCase();
  details.addEventListener("toggle", () => fill(place, method, path, operation), { once: true });
  return details;
}

function find() {
  const words = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const section of $("operations").children) {
    for (const details of section.querySelectorAll("details")) {
      details.hidden = !words.every((word) => details.dataset.words.includes(word));
    }
    section.hidden = !section.querySelector("details:not([hidden])");
  }
}

async function showAll() {
  const contract = await (await fetch("/openapi.json")).json();
  schemas = contract.components.schemas;
  const sections = new Map();
  let count = 0;
  for (const [path, operations] of Object.entries(contract.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = (operation.tags || ["others"])[0];
      if (!sections.has(tag)) sections.set(tag, make("section", "", {}, [make("h2", tag)]));
      sections.get(tag).append(makeOperation(method.toUpperCase(), path, operation));
      count += 1;
    }
  }
  $("operations").replaceChildren(...sections.values());
  $("said").textContent = `${contract.info.title} ${contract.info.version}: ${count} operations. ${contract.info.summary}`;
}

$("find").addEventListener("input", find);
$("chosen").addEventListener("submit", (event) => event.preventDefault());
showAll().catch((error) => { $("said").textContent = error.message; });
