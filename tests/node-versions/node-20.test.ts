import { testOnNode } from './run-suite.js';

testOnNode('20');
