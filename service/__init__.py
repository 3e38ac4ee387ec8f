"""Line of Sight: who needs somebody senior to notice, and by when."""
