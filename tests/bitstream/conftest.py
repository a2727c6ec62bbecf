from hypothesis import settings

# Times vary on a shared machine; a slow example is not a failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
