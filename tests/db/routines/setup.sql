-- The schema that the samples live in.

create schema app;
create type app.order_state as enum ('new', 'ready', 'in_progress', 'done');
create domain app.label as text check (value <> '');
create table app.run_request (
  id uuid primary key, state app.order_state not null, attempt int not null default 0, note text, tags text[]
);
create table app.event (id bigint generated always as identity, at timestamptz not null default now(), body jsonb);
create function app.helper(p uuid) returns boolean language sql stable set search_path = '' as $$ select true $$;
create procedure app.step(p int) language plpgsql set search_path = '' as $$ begin null; end $$;
