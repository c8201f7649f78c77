"""What runs inside a sandbox worker. Needs the standard library and pytest only, and must never import more of ours."""
