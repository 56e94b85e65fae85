DROP TABLE observe.agent_call;
