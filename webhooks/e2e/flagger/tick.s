// This file lets tick be declared without a body.
