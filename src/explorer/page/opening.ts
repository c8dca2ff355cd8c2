/** Which model was opened in the page, and which is being opened in its place. */
import type { Client } from "../client.ts";
import { argumentsOfHub } from "../start.ts";
import type { ModelSource } from "../worker.ts";
import { type Folder, faultOf } from "./folder.ts";
import { openHubDialog } from "./hubDialog.ts";

/** A model that was opened in the page. */
interface Chosen {
  /** The folder's name, or the id of the hub's model. */
  readonly name: string;
  /** What `loadBert` is given to open it in Node; null: it is a folder, whose place is not known. */
  readonly from: readonly unknown[] | null;
}

/** What is told of opening a model. */
interface Told {
  /** It has begun, or was cancelled. */
  changed(): void;
  /** There is nothing to open. */
  refuse(sentence: string): void;
}

/** Opens models. */
export class Opening {
  /** null: the page's own is open. */
  chosen: Chosen | null = null;
  /** The one that is being opened; null: none. */
  coming: Chosen | null = null;
  private readonly client: Client;
  private readonly told: Told;

  constructor(client: Client, told: Told) {
    this.client = client;
    this.told = told;
  }

  /** Opens a folder in place of the model that there is. */
  openFolder(folder: Folder): void {
    const fault = faultOf(folder);
    if (fault !== null) this.told.refuse(fault);
    else this.open({ name: folder.name, from: null }, folder.files);
  }

  /** Asks for the id of a model of the hub, and opens that. @param id what stands there at first */
  askHub(id: string): void {
    openHubDialog(id, (model) => this.open({ name: model.hub, from: argumentsOfHub(model) }, model));
  }

  /** Goes on with the model that there is. */
  cancel(): void {
    this.coming = null;
    this.client.cancelOther();
    this.told.changed();
  }

  private open(coming: Chosen, source: ModelSource): void {
    this.coming = coming;
    this.client.openOther(source);
    this.told.changed();
  }
}
