/** The model that the page's is compared with. */
import type { Client } from "../client.ts";
import type { BesideNews, ModelSource, ModelSummary } from "../worker.ts";
import { openHubDialog } from "./hubDialog.ts";

/** What is told of it. */
interface Told {
  /** Which one is open has changed; "": none is. */
  opened(name: string): void;
  changed(): void;
}

/** Opens a model beside the page's, and knows how that goes. */
export class Beside {
  /** The folder's name or the hub's id of the one that is asked for; "": none. */
  name = "";
  /** null: it is not open. */
  model: ModelSummary | null = null;
  /** Percent of it that are here. */
  progress = 0;
  /** Why it is not open; null: nothing is wrong. */
  problem: string | null = null;
  private readonly client: Client;
  private readonly told: Told;

  constructor(client: Client, told: Told) {
    this.client = client;
    this.told = told;
  }

  /** Opens a model. @param name "" and null: none */
  open(name: string, source: ModelSource | null): void {
    this.forget();
    this.name = name;
    this.client.openBeside(source);
    this.told.opened("");
  }

  /** Asks for the id of a model of the hub, and opens that. @param id what stands there at first */
  askHub(id: string): void {
    openHubDialog(id, (model) => this.open(model.hub, model));
  }

  /** Why there is nothing to open. */
  refuse(problem: string): void {
    this.problem = problem;
    this.told.changed();
  }

  /** It has gone with the worker that had it. */
  forget(): void {
    [this.name, this.model, this.progress, this.problem] = ["", null, 0, null];
  }

  heard(news: BesideNews): void {
    if ("progress" in news) this.progress = news.progress;
    else if ("opened" in news) this.model = news.opened;
    else [this.name, this.problem] = ["", news.problem.replaceAll("the given folder", this.name)];
    if (this.model) this.told.opened(this.name);
    else this.told.changed();
  }
}
