// Runs before every test file: nothing global yet but a longer timeout than jest's 5 s, which projects do not inherit.
import { jest } from '@jest/globals';

jest.setTimeout(30_000);
