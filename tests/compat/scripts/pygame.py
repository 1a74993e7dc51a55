"""Shapes drawn and a font rendered without a screen, by the vendored SDL"""

import os

os.environ["SDL_VIDEODRIVER"] = os.environ["SDL_AUDIODRIVER"] = "dummy"

import pygame


def main():
    pygame.init()
    screen = pygame.display.set_mode((100, 50))
    pygame.draw.circle(screen, "red", (20, 20), 10)
    screen.blit(pygame.font.Font(None, 24).render("Hi", True, "white"), (50, 10))
    assert screen.get_at((20, 20))[:3] == (255, 0, 0)
    assert pygame.mask.from_threshold(screen, (255, 255, 255), (9, 9, 9)).count() > 10
    pygame.image.save(screen, "screen.png")
    assert pygame.image.load("screen.png").get_size() == (100, 50)
    pygame.event.post(pygame.event.Event(pygame.USEREVENT, n=5))
    assert 5 in [getattr(event, "n", 0) for event in pygame.event.get()]
    print("as expected")
