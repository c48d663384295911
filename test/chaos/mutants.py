"""Parleys that break a promise, each by a change of one place, and the fault under which the checker must find it out.

./dev mutants builds each of them and lets it run; test_chaos.py checks that their places are still there."""
from dataclasses import dataclass

import faults


@dataclass(frozen=True)
class Mutant:
    name: str
    changes: tuple  # (file, what stands there once, what shall): several where a promise has more than one guard
    fault: object
    anomalies: tuple  # one of them must be found


def one(file, old, new):
    return ((file, old, new),)


MUTANTS = (
    Mutant("acks before the database has flushed",
           one("src/store/postgres/pg_connection.cc", "'synchronous_commit', 'on', false", "'synchronous_commit', 'off', false")
           + one("src/store/postgres/pg_connection.cc", "IN ('off', 'local'); ", "IN ('on'); "),
           faults.f6_the_database_is_killed, ("lost", "hole", "seq-fork")),
    Mutant("acks what was not committed",
           one("src/store/group_commit_failure.cc", "if (!attempt.failed) return Deliver",
               "if (!attempt.failed || *attempt.failed == Kind::kUnreachable) return Deliver"),
           faults.f8_commits_and_their_answers_are_lost, ("lost", "phantom", "seq-fork")),
    Mutant("takes a lost COMMIT for one that failed",
           one("src/store/postgres/pg_session.cc", "if (last == asked.batch) return Outcome::kCommitted;",
               "if (last == asked.batch) return Outcome::kRolledBack;"),
           faults.f8_commits_and_their_answers_are_lost, ("nacked-but-stored", "lost")),
    Mutant("takes a COMMIT that a crash has lost for stored",
           one("src/store/postgres/pg_session.cc", "if (last == asked.batch) return Outcome::kCommitted;",
               "if (last <= asked.batch) return Outcome::kCommitted;"),
           faults.f6b_the_database_crashes_while_another_client_writes, ("lost", "phantom", "seq-fork")),
    Mutant("shows a message before its commit",
           one("src/hub/home_events.cc", "  store_.InsertMessage(std::move(message), self_,\n",
               """  Message early{.id = message.id, .conversation_id = room.id, .seq = room.log.head() + 1, .sender_id = message.sender_id,
                .content = message.content, .client_id = message.client_id};
  LogStep step;
  if (room.log.known()) room.log.Ingest(MessageEvent(early, Now()), step);
  Perform(room, step);
  store_.InsertMessage(std::move(message), self_,
"""),
           faults.f6_the_database_is_killed, ("phantom", "seq-fork")),
    Mutant("leaves holes in seq",
           one("src/store/sql_messages.cc", "insert.Stored(++head.seq,", "insert.Stored(head.seq += 1 + (head.seq % 7 == 0),"),
           faults.nothing, ("hole", "silent-gap")),
    Mutant("keeps no client_id",
           one("src/store/sql_messages.cc", ".Bind(10, message_.client_id);", ".Bind(10, std::optional<std::string>());"),
           faults.f22_everything_is_sent_twice, ("ack-mismatch", "lost")),
    Mutant("believes that nothing is lost on the way",
           one("src/hub/conversation_log.cc", "  if (event->seq > head_ + 1) {\n", "  if (false) {\n")
           + one("src/hub/feed.h", "    if (event.seq != last_seq_ + 1) return StartFetch();\n", ""),
           faults.f4b_redis_is_flushed_and_its_clients_thrown_out, ("silent-gap", "stuck")),
    Mutant("never asks the store how far it is",
           one("src/hub/conversation_log.cc", "  if (!known_ || store_head_ <= head_) return;\n", "  return;\n"),
           faults.f4c_the_last_word_is_lost_on_its_way, ("failed", "stuck")),
    Mutant("does not notice that the database went back",
           one("src/hub/conversation_log.cc", "  verifying_ = true;\n  step.fetch = LogStep::Fetch::kNow;\n", ""),
           faults.f33_a_standby_that_lags_takes_over, ("silent-gap", "stuck", "phantom")),
    Mutant("does not subscribe again",
           one("src/bus/redis_subscriber.cc", "for (const Uuid& conversation : followed_) unsaid_[conversation] = true;", ""),
           faults.f3_redis_is_killed, ("late", "stuck")),
    Mutant("resumes with an overlap",
           one("src/hub/feed.cc", "  last_seq_ = seq;\n  resuming_ = true;", "  last_seq_ = seq > 0 ? seq - 1 : 0;\n  resuming_ = true;"),
           faults.f24_nodes_are_restarted_one_by_one, ("dup-delivery", "reorder")),
    Mutant("resumes one too far",
           one("src/hub/feed.cc", "  last_seq_ = seq;\n  resuming_ = true;", "  last_seq_ = seq + 1;\n  resuming_ = true;"),
           faults.f24_nodes_are_restarted_one_by_one, ("silent-gap", "stuck")),
    Mutant("lets a read mark go back",
           one("src/store/mark_queries.h",
               'SET last_read_seq = free.seq, "',
               'SET last_read_seq = CASE WHEN p.last_read_seq % 3 = 0 THEN p.last_read_seq / 2 ELSE free.seq END, "'),
           faults.nothing, ("mark-went-back",)),
    Mutant("forgets who was removed where Redis did not tell",
           one("src/hub/hub_cluster.cc", "home.home_.OnMemberRemoved(change.conversation, user);", "static_cast<void>(user);"),
           faults.f21_members_are_removed, ("unauthorized", "stuck", "failed")),
    Mutant("never takes a node for dead",
           one("src/hub/neighbours.cc", "if (entry.second.until > now) return false;",
               "if (entry.second.until > now || !entry.second.leaving) return false;"),
           faults.f1_a_node_is_killed, ("presence-stuck",)),
)
