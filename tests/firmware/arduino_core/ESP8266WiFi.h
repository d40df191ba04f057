// See Arduino.h.
#pragma once
#include <WiFi.h>
