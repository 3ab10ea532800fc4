// The memberships by status of every account and region, updated while the survey runs: each row is replaced when its
// account has answered. Numbers stay until there are new ones, and a failure does not take away those of an earlier
// survey.

import { follow } from "./api.js";
import { Dataset, allOldSince } from "./dataset.js";
import { isSeen } from "./retry.js";
import { changed } from "./store.js";

export class Overview extends Dataset {
  survey = null; // the data of the `begin` event
  answered = false; // the latest request was
  whenReady = () => {};
  unfollow = () => {};

  stop() {
    this.unfollow();
  }

  load({ fresh = false, quiet = false } = {}) {
    this.stop();
    this.restart({ fresh, quiet });
    this.answered = false;
    if (!isSeen()) return this.pause();
    this.unfollow = follow(this.address(fresh), {
      begin: (data) => {
        this.survey = data;
        this.surveyId = data.SurveyId;
        this.answered = true;
        this.progress = { Done: 0, Total: data.Total };
        changed();
      },
      target: (target) => {
        this.put(target);
        this.progress.Done += 1;
        changed();
      },
      disconnected: () => {
        this.problem = { title: "The connection is lost", detail: "reconnecting" };
        changed();
      },
      connected: () => {
        this.problem = null;
        changed();
      },
      ended: (problem) => {
        if (problem) this.fail(problem);
        else this.finish();
        changed();
      },
    });
  }

  put(target) {
    const before = this.shown.get(this.key(target));
    const kept = target.Error && { Counts: before?.Counts, GraphArn: before?.GraphArn, time: before?.time };
    this.replace({ ...target, time: target.Time, ...kept, survey: this.surveyId });
  }

  finish() {
    for (const [name, target] of this.shown) if (target.survey !== this.surveyId) this.shown.delete(name);
    this.list = null;
    const known = this.rows.filter(({ time }) => time);
    this.oldSince = allOldSince(known.map(({ Error, time }) => ({ stale: Error ? time : null })));
    this.succeed(this.survey.StartedTime);
    this.whenReady();
  }

  // Whether the numbers of a row are not those of the latest survey.
  isOld = (target) =>
    Boolean(target.time) && (Boolean(target.Error) || target.survey !== this.surveyId || this.phase === "failed");
}
