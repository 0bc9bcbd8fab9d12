"""Fields of agents for tests, and what they come to."""

import socket

import numpy as np

from kinfolk.agents import Agent, Heard, SyntheticSource, make_field, run_local
from kinfolk.agents.message import Means, Model

K, M, STEP = 8, 6, 0.4  # a time constant is 15 rows


def db(x):
    return 10.0 * np.log10(x)


def start(field, step=STEP, weights=None, **more):
    return [
        Agent.start(k, field.neighbors(k), field.W.shape[1], step=step, weights=weights and weights[k], **more)
        for k in range(len(field.W))
    ]


def deviations(field, agents, n_rounds, **more):
    """Squared deviations (rounds, K, 2) of what agents have learned alone and of what they serve."""
    found = []

    def watch(turn):
        own = np.concatenate([agent.learner.own for agent in agents])[:, agents[0].first :]
        served = np.array([agent.model for agent in agents])[:, agents[0].first :]
        found.append([((models - field.W) ** 2).mean(axis=1) for models in (own, served)])

    sources = [SyntheticSource(field, k) for k in range(len(agents))]
    run_local(agents, sources, n_rounds, watch=watch, **more)
    return np.moveaxis(np.array(found), 1, 2)


def field(loss="squared", seed=3, variance=0.04):
    return make_field(K, M, seed=seed, variance=variance, loss=loss)


def model(agent, values, time=0.0, round=0):
    return agent, Model(agent, round, time, np.asarray(values, dtype=float)).encode()


def means(agent, values, noise=0.01, weights=None, time=0.0):
    return agent, Means(agent, 0, time, np.asarray(values, dtype=float), noise, weights or {}).encode()


def ready(candidates=(1, 2), rows=40, **more):
    """An agent with number 0 and two coefficients that has learned some rows near (1, 1)."""
    agent = Agent.start(0, candidates, 2, **more)
    generator = np.random.default_rng(0)
    U = generator.normal(size=(rows, 2 + agent.first))
    agent.live(Heard(0.0, [], U, U[:, -2:].sum(axis=1) + 0.1 * generator.normal(size=rows)))
    return agent


def hear(agent, *packets, time=0.0):
    return agent.live(Heard(time, list(packets), np.zeros((0, agent.served.shape[1])), np.zeros(0)))


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
