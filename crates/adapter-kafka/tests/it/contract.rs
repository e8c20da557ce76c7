use crate::rig::logs;

xchat_ports::event_log_contract!(logs());
